bulkhead waf explain 131 --rules rules-explain.conf; bulkhead waf explain 132 --rules rules-explain.conf | tail -3
