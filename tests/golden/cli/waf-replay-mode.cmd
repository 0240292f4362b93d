bulkhead waf replay --old rules-replay-old.conf --new rules-replay-old.conf --new rules-replay-mode.conf --requests recorded
