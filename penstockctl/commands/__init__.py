"""One module per command or group of commands; each offers `register(app)`. Thin: they parse, call, print.
options.py reads what they have in common."""
