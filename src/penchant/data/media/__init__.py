"""Safe decoding of pictures, sounds and videos in bounded workers."""
