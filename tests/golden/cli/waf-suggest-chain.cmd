bulkhead waf inspect --rules rules-suggest.conf --request alarm-chain.http --suggest
