bulkhead waf inspect --rules rules.conf --request nowhere.http
