"""Who is calling? The worker's memory of proven credentials, and the ways to authsvc that keep it true.

- `authenticator` what the data plane asks; puts the rest together
- `memory`        what is remembered and may be served, as one state; its parts, all pure:
    - `cache`     proven principals by digest of the credential
    - `negatives` refused credentials, for a moment
    - `fences`    what invalidations hit, and which look-ups are too old to be used
    - `lease`     how long the cache may be trusted without word from authsvc
- `clocks`        by which clock credentials expire, and by which leases do
- `lookups`       asks authsvc in batches on one stream
- `watch`         follows the invalidations, acknowledges them and renews the lease
- `uses`          tells when keys were last let in
- `comeback`      lets one of these two wake the other's wait for its next attempt
- `wire`          between messages and values (pure)
"""
