sed "s/page:8443/shut:53/; s/443.tcp: shut/53\/udp: shut/; s/uplink0/eth1, nat: none/" published.yaml | bulkhead diff published.yaml - --json
