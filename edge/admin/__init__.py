"""edge/admin"""
