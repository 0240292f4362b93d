bulkhead waf inspect --rules rules-broken.conf --request plain.http
