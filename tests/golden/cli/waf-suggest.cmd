bulkhead waf inspect --rules rules-suggest.conf --request alarm.http --suggest
