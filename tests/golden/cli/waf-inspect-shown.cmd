bulkhead waf inspect --rules rules-shown.conf --request shown.http
