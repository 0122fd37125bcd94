"""Well-known balancers beside our edge: same gateways, same traffic, same faults, same moments.

configuration   the reviewed files below `configurations/`, filled in for these gateways
balancers       which there are, and how each is started
programs        where their programs come from: PATH, the cache, Debian, PyPI
processes       one balancer as a process that ends with the comparison
way_in          ports on the host that lead to them, as one leads to our edge
stack_access    addresses and certificates, read from the running stack
beside          all of that, beside the edge of a running stack
usage           processor time and memory, read from /proc
figures         what each lane cost, from the record; pure
recorded        the record, compared lane by lane
table, page     the same for people; pure
run             the order of things
"""
