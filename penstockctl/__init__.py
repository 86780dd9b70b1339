"""The operator's command `penstock`, and the local cluster it can start.

main.py          the command line; commands/ has one room per command
cluster/         `penstock up`: the plan of processes, their supervisor, sockets, secrets, databases, the demo
embedded/        real PostgreSQL and Valkey out of wheels, on Unix sockets
gates.py         what must answer before a process counts as up
spawn.py         child processes that cannot outlive us; launch.py is the program between us and them
user_mode.py     under which user a server runs that refuses root
run_dir.py       the folder for Unix sockets
private_files.py files that only their owner may read
key_files.py     files of keys to import
faults.py        what the operator is told
"""
