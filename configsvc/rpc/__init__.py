"""The rim: one servicer per proto service. Each checks its fields, calls a store, and speaks protobuf."""
