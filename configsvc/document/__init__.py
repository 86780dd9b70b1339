"""Config documents as people write them, YAML or JSON, and as messages.

- `reading`  the whole way from a text to a validated config, and back
- `mapping`  the friendly form, key by key
- `codecs`   single values
- `units`    durations, sizes, rates
- `text`     YAML and JSON within bounds; `yaml_nodes` is the harder half
"""
