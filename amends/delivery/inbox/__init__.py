"""Mail in: mails from outside are read apart from the rest, and taken in once."""
