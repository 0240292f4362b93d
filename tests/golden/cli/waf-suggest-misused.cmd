bulkhead waf inspect --rules rules-suggest.conf --request rubbish.http --suggest; bulkhead waf inspect --rules rules-suggest.conf --batch --suggest; bulkhead waf check --suggest rules.conf
