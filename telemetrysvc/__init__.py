"""telemetrysvc"""
