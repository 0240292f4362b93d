bulkhead why families.yaml --from six --to four --port 81/tcp
