"""How REST framework is set up for both APIs: who asks, what may be sent, how errors, pages and the document look."""
