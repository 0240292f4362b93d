bulkhead waf replay --old rules.conf --new rules-broken.conf --requests recorded
