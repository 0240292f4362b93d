bulkhead waf inspect --rules rules-suggest.conf --request alarm-refused.http --suggest
