bulkhead waf inspect --rules rules.conf --request rubbish.http
