bulkhead waf check rules-broken.conf rules-uncompiled.conf --json
