"""penstockctl"""
