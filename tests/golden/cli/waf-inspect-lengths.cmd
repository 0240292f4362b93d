printf 'x\n' | bulkhead waf inspect --rules rules.conf --batch
