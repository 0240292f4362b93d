bulkhead waf check rules.conf --batch
