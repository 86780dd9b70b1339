"""How much may they call: which limits hold for a request, and their decision over the stream to ratelimitsvc."""
