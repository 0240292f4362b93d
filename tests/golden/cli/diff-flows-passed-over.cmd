cat >flows; bulkhead diff small.yaml wider.yaml --flows flows; bulkhead diff wider.yaml small.yaml --flows flows; rm flows
