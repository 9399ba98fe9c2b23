"""The only room that imports boto3. What leaves it is frozen values and errors of our own."""
