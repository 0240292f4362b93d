bulkhead why families.yaml --from six --to two --port 81/tcp
