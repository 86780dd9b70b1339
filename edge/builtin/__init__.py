"""edge/builtin"""
