bulkhead why small.yaml --from one --to 203.0.113.9 --port 443/tcp
