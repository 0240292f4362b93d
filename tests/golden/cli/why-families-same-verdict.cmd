bulkhead why families.yaml --from one --to two --port 82/tcp; bulkhead why families.yaml --from two --to one --port 82/tcp
