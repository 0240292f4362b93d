bulkhead waf check rules-no-places.conf
