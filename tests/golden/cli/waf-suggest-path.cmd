bulkhead waf inspect --rules rules-suggest.conf --request alarm-path.http --suggest
