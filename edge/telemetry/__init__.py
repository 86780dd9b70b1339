"""What happened, kept until the collector has it. Nothing here ever waits for the network or the disk in a request.

recorder    the note of a request, and the loops behind it; what the worker builds
framing     the wire form of records and batches
spool       one slot's records in order: append, read, settle, drop
segment     one mapped file of records
scan        finds the records in the bytes of a segment, damaged or not
ledger      the mapped counters of a spool: answered, settled, dropped
reconcile   what ledger and segments say together after a crash
slots       which folder belongs to which process; folders of the dead
exporter    the stream to telemetrysvc: batches in order, acknowledged
"""
