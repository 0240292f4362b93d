bulkhead waf inspect --rules rules-secret.conf --request attack.http
