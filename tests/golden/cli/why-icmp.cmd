bulkhead why shop.yaml --from foothold --to orders --port icmp --at 2026-11-24T12:00Z
