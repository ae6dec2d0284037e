"""How long a merge tree takes, and how near a nudged elastic band comes to its barriers."""
