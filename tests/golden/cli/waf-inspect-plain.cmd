bulkhead waf inspect --rules rules.conf --request plain.http
