"""``make soak``: real people's work over a real Kafka while everything around it is killed, stopped, cut and restarted.

Several coach/student pairs, each side with two language servers and a command line, work through TCP proxies at one broker.
All faults come from one seed. What a process acknowledged is written down apart from the product; in the end kcat and plain
sqlite3 count what was lost, doubled or out of order. Nothing of the product is imported here.
"""
