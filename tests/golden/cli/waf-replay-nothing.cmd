bulkhead waf replay --old rules-replay-old.conf --new rules-replay-old.conf --requests recorded
