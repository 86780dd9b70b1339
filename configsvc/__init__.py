"""configsvc"""
