bulkhead waf inspect --rules rules-suggest.conf --request plain.http --suggest
