bulkhead waf inspect --rules rules.conf --request attack.http
