"""ratelimitsvc"""
