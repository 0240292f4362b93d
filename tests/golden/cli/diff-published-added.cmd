sed "s/443.tcp: page:8443/443\/tcp: page:8443, 444\/tcp: other:8444, 53\/udp: shut:53, 80\/tcp: shut:80/" published.yaml | bulkhead diff published.yaml -
