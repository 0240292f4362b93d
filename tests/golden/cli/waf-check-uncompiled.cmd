bulkhead waf check rules.conf rules-uncompiled.conf
