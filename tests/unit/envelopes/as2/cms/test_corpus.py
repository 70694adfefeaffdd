"""Messages of OpenAS2 as they were captured: BouncyCastle's BER is decrypted, verified and inflated."""
