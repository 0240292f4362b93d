printf '7 0\nab' | bulkhead waf inspect --rules rules.conf --batch
