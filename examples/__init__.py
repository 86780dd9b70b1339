"""Things to try Penstock with.

upstream.py    a small service that shows what reaches it
demo.yaml      the config of the demo tenant that `penstock up` registers
nginx/         for an nginx that has its requests judged
platform.yaml  a platform of many services behind one entry point
"""
