bulkhead waf inspect --rules rules-no-places.conf --request plain.http
