"""The local cluster of `penstock up`.

run.py           the composition of all that follows
options.py       what the operator chose
data_dir.py      the data directory, claimed for one cluster
ports.py         all ports, before anything starts; sockets.py: listening sockets that outlive the workers
secrets.py       keys and passwords, made once
stores.py        embedded or external stores
prepare.py       keys, databases and URLs, made once; databases.py: a database and a role per service;
                 scram.py: a password's verifier; store_urls.py: URLs that can be used at all; redis_urls.py: the two
                 logical databases of one Redis; redis_ready.py: whether both answer
plan.py          pure: every process, its environment, its gate, what it waits for
process_spec.py  pure: a process as a value, the order of stopping
supervisor.py    starts the plan, keeps it alive, replaces what it is asked to, stops it; process.py is one supervised
                 process, ready_line.py how it is known to be ready
output.py        one log for all of them
admin_api.py     the management REST; admin_token.py: the operator's token; demo.py: the demo tenant
summary.py       what is printed when it is up
interrupt.py     Ctrl-C, SIGTERM and SIGHUP
"""
