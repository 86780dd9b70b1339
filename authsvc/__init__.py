"""authsvc"""
