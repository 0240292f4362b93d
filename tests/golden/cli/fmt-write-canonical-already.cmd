bulkhead fmt -w wider.yaml >f; rm f; bulkhead fmt -w wider.yaml
